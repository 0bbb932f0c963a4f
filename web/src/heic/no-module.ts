/** Stands for modules of Node that libheif never uses in a browser. */
export default {}
